"""What people plan: cycles, teams, objectives, key results, sign-offs and the rollout checklist."""
