#!/bin/sh
# Leads one run: claims it, starts its containers, and records how each of them ended.
#
#     wrapper.sh RUN_DIRECTORY BELL KEY INIT_COUNT COUNT
#
# 1. Keeps the contract in record.py, as wrapper.c does, where there is no C compiler. POSIX sh, with
#    setsid of util-linux and sync of coreutils.
# 2. A shell cannot tell the exit code 137 from the signal 9: codes above 128 are recorded as signals.
# 3. Each container that runs beside others has a shell of its own that waits for it.
# 4. `started` is recorded just before the program begins, once its file was found.
# 5. What leaves its group is not found again: wrapper.c is the parent of that, and kills it.
set -u

self() { # prints process id and start time (field 22 of stat) of this very process
    read -r line </proc/$$/stat
    set -- ${line##*)}
    shift 19
    echo "$$ $1"
}

ring() { echo "$key" 1<>"$bell"; } 2>/dev/null

if [ "$1" = --container ]; then # INDEX BELL KEY; leads its group, in record/
    i=$2 bell=$3 key=$4
    self >"$i.pid" || exit 126
    [ -e stop ] && kill -TERM $$
    # A program that begins leaves no shell to run this. Its environment may name any variable of ours.
    trap "echo >../record/$i.failed" EXIT
    . "./$i.order"
    exit 126
fi

run() { # INDEX
    # In the foreground: a shell makes what it starts in the background deaf to SIGINT, for good.
    setsid $reset sh "$0" --container "$1" "$bell" "$key" </dev/null
    status=$?
    child=
    [ -e "$1.pid" ] && read -r child start <"$1.pid"
    if [ -n "$child" ] && kill -s KILL -- "-$child"; then
        patience=100 # what was killed may wait for its new parent, which is not us
        while [ "$patience" -gt 0 ] && kill -s 0 -- "-$child"; do
            patience=$((patience - 1))
            sleep 0.01
        done
    fi
    how="exit $status"
    [ "$status" -gt 128 ] && how="signal $((status - 128))"
    # On a full disk it waits; where the record was removed there is nothing to wait for.
    until echo "$how" >"$1.exited" || ! [ -e claim ]; do sleep 1; done
    sync "$1.exited" .
}

cd "$1/record" || exit 2
bell=$2 key=$3 init=$4 count=$5
mkdir claim 2>/dev/null || exit 3
trap : HUP INT TERM
self >claim/owner || exit 1
exec 2>/dev/null # where a shell says of each command which signal ended it
reset=
sync claim/owner .
ring
status=0 i=0
while [ "$status" -eq 0 ] && [ "$i" -lt "$init" ] && ! [ -e stop ]; do
    run "$i"
    ring
    i=$((i + 1))
done
if [ "$status" -eq 0 ]; then
    if [ "$((i + 1))" -lt "$count" ] && env --default-signal=INT true; then
        reset="env --default-signal=INT,QUIT"
    fi
    while [ "$((i + 1))" -lt "$count" ] && ! [ -e stop ]; do
        { run "$i"; ring; } &
        i=$((i + 1))
    done
    [ "$i" -lt "$count" ] && ! [ -e stop ] && { run "$i"; ring; }
    while :; do # returns early when a trapped signal arrives
        wait
        [ "$?" -le 128 ] && break
    done
fi
echo ended >ended
ring
