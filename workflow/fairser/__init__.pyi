from fairser.auditing.frames import audit as audit

__version__: str
