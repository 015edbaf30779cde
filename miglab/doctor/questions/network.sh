# Interfaces: `link NAME KIND STATE MTU ADDRESS`, bridges' settings, and what is plugged into them.
for path in /sys/class/net/*; do
  name=${path##*/}
  kind=plain
  [ -d $path/bridge ] && kind=bridge
  [ -e $path/tun_flags ] && kind=tap
  echo "link $name $kind $(cat $path/operstate) $(cat $path/mtu) $(cat $path/address)"
  [ -d $path/bridge ] && for key in stp_state forward_delay ageing_time multicast_snooping; do
    echo "bridge $name $key $(cat $path/bridge/$key)"
  done
  [ -d $path/brport ] && echo "plugged $name $(basename "$(readlink $path/master)") learning $(cat $path/brport/learning)"
  [ -e $path/speed ] && echo "speed $name $(cat $path/speed 2>/dev/null)"
done
ip -4 -o address 2>/dev/null | awk '{print "address", $2, $4}'
exit 0
