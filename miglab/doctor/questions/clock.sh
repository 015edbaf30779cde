# Whether something keeps the clock right.
timedatectl show 2>/dev/null | sed -n 's/^NTPSynchronized=/synchronized /p; s/^NTP=/service /p'
echo "source $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource 2>/dev/null)"
