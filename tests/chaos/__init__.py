"""The chaos suite: jobs hit by faults at random moments, which must come out as if nothing had happened.

    make chaos RUNS=20 SEED=1                       runs of the seeds 1 … 20
    make chaos RUNS=1 SEED=1234                     any one of them again
    make chaos RUNS=5 CHAOS_ARGS="--scenario identical --kills 20"

Everything that a run does is drawn from its seed (`draw`): scenario, data, and faults. It prints what it
drew, does it (`run`), and checks the results, the committed output, and that nothing is left behind. The last
line is ``runs=N violations=V orphans=O``, the exit code 1 unless both are 0. What there is to know about a
run that went wrong lies in its folder below the report's.

A report is a file of JSON lines per range of seeds. Ranges may run at different times and places:

    python -m chaos run --runs 100 --seed 0 --report out/chaos
    python -m chaos run --runs 100 --seed 100 --report out/chaos
    python -m chaos merge out/chaos                 a table and a picture over all of them
"""
