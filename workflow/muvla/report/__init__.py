"""Tables, figures and verdicts: functions of the files under results/ and config/published/, nothing else."""
