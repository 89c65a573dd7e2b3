"""What the packages shap and lime make of cases that are the same in every run, as JSON: `reference.py SAMPLES`.

SHAP: a network, rows, a background and the values of KernelExplainer without regularisation. LIME: neighbourhoods of so many samples as the
package drew them, and the local models that it fitted to them.
"""

import json
import re
import sys

import numpy as np
import shap
from lime import lime_base
from lime.discretize import QuartileDiscretizer
from lime.lime_image import LimeImageExplainer
from lime.lime_tabular import LimeTabularExplainer
from lime.lime_text import LimeTextExplainer
from skimage.segmentation import quickshift

samples = int(sys.argv[1])


class Network:
    """Weights for tanh layers, the last linear or softmax, in float64."""

    def __init__(self, random, widths, softmax):
        pairs = list(zip(widths, widths[1:]))
        self.weights = [random.normal(0, 1 / np.sqrt(n), (n, m)).round(6) for n, m in pairs]
        self.biases = [random.normal(0, 0.3, m).round(6) for m in widths[1:]]
        self.softmax = softmax

    def __call__(self, rows):
        values = np.asarray(rows, dtype=np.float64)
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            values = values @ weight + bias
            if index < len(self.weights) - 1:
                values = np.tanh(values)
        if not self.softmax:
            return values
        exponentials = np.exp(values - values.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def description(self):
        return {
            "weights": [weight.tolist() for weight in self.weights],
            "biases": [bias.tolist() for bias in self.biases],
            "softmax": self.softmax,
        }


def halves(random, shape):
    """Numbers that float32 holds exactly."""
    return random.normal(0, 1, shape).astype(np.float16).astype(np.float64)


def shap_case(name, features, outputs, background_rows, softmax, constant=()):
    random = np.random.RandomState(features)
    network = Network(random, [features, 6, outputs], softmax)
    rows, background = halves(random, (2, features)), halves(random, (background_rows, features))
    for feature in constant:
        rows[:, feature] = background[:, feature] = 0.5
    explainer = shap.KernelExplainer(network, background)
    values = explainer.shap_values(rows, l1_reg=False, silent=True)
    return {
        "name": name,
        "network": network.description(),
        "rows": rows.tolist(),
        "background": background.tolist(),
        "values": np.asarray(values).tolist(),
        "base": np.asarray(explainer.expected_value).tolist(),
    }


captured = []
fit = lime_base.LimeBase.explain_instance_with_data


def capture(self, data, labels, distances, label, num_features, feature_selection="auto", model_regressor=None):
    result = fit(self, data, labels, distances, label, num_features, feature_selection, model_regressor)
    captured.append((np.asarray(data), np.asarray(labels), np.asarray(distances), label, result))
    return result


lime_base.LimeBase.explain_instance_with_data = capture


def lime_case(name, kernel_width, selection, num_features, explain):
    captured.clear()
    explain()
    data, labels, distances = captured[0][:3]
    models = []
    for _, _, _, label, (intercept, weights, score, prediction) in captured:
        coefficients = np.zeros(data.shape[1])
        for feature, weight in weights:
            coefficients[feature] = weight
        models.append(
            {
                "output": int(label),
                "intercept": float(intercept),
                "coefficients": coefficients.tolist(),
                "score": float(score),
                "prediction": float(np.ravel(prediction)[0]),
                "used": [int(feature) for feature, _ in weights],
            }
        )
    integers = np.array_equal(data, data.astype(int))
    return {
        "name": name,
        "kernelWidth": float(kernel_width),
        "selection": selection,
        "maxFeatures": num_features,
        "data": (data.astype(int) if integers else data).tolist(),
        "labels": labels.tolist(),
        "distances": distances.tolist(),
        "models": models,
    }


def tabular(name, features, selection, num_features, discretize, categorical=()):
    random = np.random.RandomState(100 + features)
    training = random.normal(0, 1, (200, features))
    for feature in categorical:
        training[:, feature] = random.randint(0, 3, 200)
    network = Network(random, [features, 6, 3], True)
    explainer = LimeTabularExplainer(
        training,
        discretize_continuous=discretize,
        feature_selection=selection,
        categorical_features=list(categorical),
        random_state=7,
    )
    return lime_case(
        name,
        0.75 * np.sqrt(features),
        selection,
        num_features,
        lambda: explainer.explain_instance(
            training[0], network, labels=(0, 1, 2), num_features=num_features, num_samples=samples
        ),
    )


text = "The service was slow, but the food was good: really good! Would we come back? We would, and soon."
scores = {"slow": -2.0, "good": 1.5, "really": 0.5, "soon": 0.7, "but": -0.3}


def sentiment(texts):
    """Two classes by words, and one pair of them."""
    totals = np.array([sum(v for w, v in scores.items() if w in t) - 0.8 * ("food" in t and "was" in t) for t in texts])
    positive = 1 / (1 + np.exp(-totals))
    return np.stack([1 - positive, positive], axis=1)


def text_case(name, selection, num_features):
    explainer = LimeTextExplainer(feature_selection=selection, random_state=7)
    return lime_case(
        name,
        25,
        selection,
        num_features,
        lambda: explainer.explain_instance(
            text, sentiment, labels=(0, 1), num_features=num_features, num_samples=samples
        ),
    )


def image_case(name):
    random = np.random.RandomState(3)
    image = random.randint(0, 256, (12, 12, 3)).astype(np.uint8)
    segments = np.add.outer(np.arange(12) // 4 * 3, np.arange(12) // 4)
    weights = random.normal(0, 1, (12 * 12 * 3, 2))

    def classifier(images, classifier_args=None):
        totals = np.tanh(images.reshape(len(images), -1) / 255 @ weights / 10)
        return totals

    explainer = LimeImageExplainer(random_state=7)
    return lime_case(
        name,
        0.25,
        "auto",
        100000,
        lambda: explainer.explain_instance(
            image, classifier, top_labels=2, num_samples=samples, segmentation_fn=lambda _: segments
        ),
    )


def quartile_case(name, values):
    column = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    discretizer = QuartileDiscretizer(column, [], ["x"])
    edges = np.unique(np.percentile(column[:, 0], [25, 50, 75]))
    return {
        "name": name,
        "values": column[:, 0].tolist(),
        "edges": edges.tolist(),
        "bins": discretizer.discretize(column)[:, 0].astype(int).tolist(),
        "lowest": [float(value) for value in discretizer.mins[0]],
        "highest": [float(value) for value in discretizer.maxs[0]],
        "mean": [float(value) for value in discretizer.means[0]],
        "deviation": [float(value) for value in discretizer.stds[0]],
    }


def segments_case():
    """Blobs of colour under a little noise."""
    random = np.random.RandomState(5)
    y, x = np.mgrid[0:20, 0:24]
    image = np.stack([np.sin(x / 4), np.cos(y / 5), np.sin((x + y) / 6)], axis=2) * 90 + 120
    image = np.clip(image + random.normal(0, 6, image.shape), 0, 255).round().astype(np.uint8)
    found = [
        {
            "kernelSize": kernel_size,
            "maxDistance": max_distance,
            "ratio": ratio,
            "segments": quickshift(image, kernel_size=kernel_size, max_dist=max_distance, ratio=ratio, rng=42).tolist(),
        }
        for kernel_size, max_distance, ratio in [(4, 200, 0.2), (1, 6, 0.5), (2, 10, 1.0)]
    ]
    return {"pixels": image.tolist(), "found": found}


random = np.random.RandomState(11)
result = {
    "shap": [
        shap_case("3 features", 3, 1, 4, False),
        shap_case("8 features, 2 of which do not vary", 8, 3, 6, True, constant=(1, 5)),
        shap_case("11 features", 11, 2, 5, False),
    ],
    "lime": [
        tabular("quartiles, highest weights", 9, "auto", 10, True),
        tabular("quartiles and a category, forward selection", 8, "auto", 4, True, categorical=(3,)),
        tabular("numbers and a category, all features", 5, "none", 10, False, categorical=(2,)),
        tabular("numbers, highest weights", 7, "highest_weights", 3, False),
        text_case("words, highest weights", "auto", 10),
        text_case("words, forward selection", "forward_selection", 4),
        image_case("regions"),
    ],
    "quartiles": [
        quartile_case("normal", random.normal(0, 1, 37).round(4)),
        quartile_case("few different", random.randint(0, 3, 25)),
        quartile_case("one value", np.full(9, 0.1)),
        quartile_case("two rows", [0.1, 0.7]),
    ],
    "quickshift": segments_case(),
    "text": {"text": text, "words": sorted(set(re.findall(r"\w+", text)))},
}
print(json.dumps(result))
