"""The paper's tables: gathers runs into `docs/results.json`, and renders the page and figures from it."""
