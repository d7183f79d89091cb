"""Whisper by CTranslate2: where its weights lie, and turns decoded in windows as long as they are."""
