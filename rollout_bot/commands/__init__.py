"""The commands, one module each: `add` describes the arguments, `run` composes the parts. Heavy imports come late."""
