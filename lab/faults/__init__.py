"""Bad moments: commands that are killed, stopped, or lose their disk, their input or their clock on the way.

    python -m lab.faults --out faults
    python -m lab.faults --out faults --moments 5 --only predict/kill,train

Each command runs on small data, again and again, and meets a fault at moments that are spread over its duration. Then
the same command is run once more. `rules` says what must hold. `faults.md` and `faults.json` in --out have a row a
command and a column a fault; the exit code is 1 where a rule was broken. It needs Linux; full and read-only disks need
the right to mount one (`unshare`), and are left out, and named, where that is missing.

Every command starts in a process that is forked from one with the libraries loaded (see `process`): what is interrupted
is the command's own work, not the seconds of imports before it.
"""
