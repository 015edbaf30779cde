#!/bin/sh
# ssh as this lab has it: who logs in is the inventory's business, and another than root goes on by sudo.
config=@CONFIG@ users=@USERS@
host= command= left=$#
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1))
    shift
    if [ "$host" ]; then
        command="${command:+$command }$word"
        continue
    fi
    case $word in
    --) continue ;;
    -l)
        left=$((left - 1))
        shift
        continue
        ;;
    -[BbcDEeFIiJLmOoPpQRSWw])
        set -- "$@" "$word" "$1"
        left=$((left - 1))
        shift
        continue
        ;;
    -*) ;;
    *) host=${word##*@} word=$host ;;
    esac
    set -- "$@" "$word"
done
case " $users " in
*" $host "*)
    if [ "$command" ]; then
        quoted=$(printf %s "$command" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/")
        command="sudo -n -H sh -c $quoted"
    fi
    ;;
esac
exec ssh -F "$config" "$@" ${command:+"$command"}
