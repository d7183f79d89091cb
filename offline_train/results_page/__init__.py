"""The paper's tables from runs' own files: `docs/results.json`, and the page and figures made of it."""
