"""The processes that guarded jobs run in: a supervisor, the template that it forks children from, and the children.

    worker ──→ supervisor ──→ template ──→ child ──→ what its handler starts
       │           └─ the reins: begin, cancel, kill; how it ended ─┐
       └─ the line: job, outcome ────────────────────────────────────┘

Only the children know the house. The supervisor is small, so that it answers at once and the kernel spares it.
"""
