# What becomes of a connection to a migration port of each other hypervisor: `port PEER PORT WORDS`.
# Refused is well: nobody listens yet, and nothing stood in the way.
command -v bash >/dev/null || { echo "no bash to try with"; exit 1; }
for peer in $MOVERS; do
  for port in 49152 49215; do
    (
      said=$(within 1 bash -c ": </dev/tcp/$peer/$port" 2>&1)
      code=$?
      case "$code $said" in
        0*) words=open ;;
        *refused*) words=refused ;;
        124*|137*) words=silent ;;
        *) words="${said##*: }" ;;
      esac
      echo "port $peer $port $words"
    ) &
  done
done
wait
