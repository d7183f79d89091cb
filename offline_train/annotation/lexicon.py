"""Sentiment by VADER's lexicon and rules (Hutto & Gilbert, ICWSM 2014): needs no model or endpoint."""

from collections.abc import Mapping, Sequence

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from offline_train.annotation.output import Output
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text

THRESHOLD = 0.05


class LexiconAnnotator:
    """Positive from a compound score of 0.05, negative from -0.05, as recommended by VADER's authors."""

    name = "lexicon:vader"

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()

    @property
    def settings(self) -> Mapping[str, object]:
        """Its name; there are no options."""
        return {"annotator": self.name}

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Label every text."""
        for text in texts:
            compound = self._analyzer.polarity_scores(text.text)["compound"]
            label = (
                "positive" if compound >= THRESHOLD else "negative" if compound <= -THRESHOLD else "neutral"
            )
            output.write(Annotation(text.id, text.text, label, self.name, text.context))
