"""The command line, ``mlflink``: look at a plan, run a job, see what runs, stop it, and check the machine.

`app` names the commands; each is a module of its own, imported when it is called, so that ``--help`` is quick
and ``doctor`` runs where what it looks for is missing. What a command prints is plain text, in colours on a
terminal only. It exits with 0; with 1 and a sentence on standard error where it fails; with 2 where it was
not called as its ``--help`` says.
"""
