"""How the engine stands for a workspace: figures, queues, and what a dashboard shows."""
