# Ends what its starter leaves behind: sh reaper.sh FOLDER. See reaper.ts.
# Reads "+ PID" for each process that was started and "- PID" for each that has ended. When its input ends, which the
# kernel sees to however the starter ends, the processes that are left are killed, with their groups where they lead one,
# what was mounted in the folder is unmounted, and the folder is removed.
trap '' INT TERM HUP
left=
while read -r what pid; do
  if [ "$what" = + ]; then
    left="$left $pid"
  else
    rest=
    for one in $left; do [ "$one" = "$pid" ] || rest="$rest $one"; done
    left=$rest
  fi
done
for pid in $left; do kill -9 "-$pid" "$pid" 2>/dev/null; done
for place in $(cut -d ' ' -f 2 /proc/mounts 2>/dev/null); do
  case $place in "$1"/*) umount --lazy "$place" ;; esac
done
# What the dead left running for a moment (see src/process/lifeline.ts) may write a last file.
for round in 1 2 3 4 5; do
  rm -rf "$1"
  sleep 1
  [ -e "$1" ] || break
done
