"""Who may enter workspaces: users, memberships, passwords, sessions, and the links that let people in first."""
