"""The columns of experiments and their items that the filter grammar may name."""

from __future__ import annotations

from lumenspan.filters import Column, Kind

# Expressions over the rows that ``queries.experiments`` groups.
COLUMNS = {
    "id": Column(Kind.STRING, "root_of_experiment", "id"),
    "name": Column(Kind.STRING, "the_name", "name"),
    "datasetId": Column(Kind.STRING, "the_dataset", "datasetId"),
}
# Items are searched for among observations, which call the last one otherwise.
ITEM_COLUMNS = {
    "experimentId": Column(Kind.STRING, "", "experimentId"),
    "experimentName": Column(Kind.STRING, "", "experimentName"),
    "experimentItemId": Column(Kind.STRING, "", "experimentItemId"),
    "datasetId": Column(Kind.STRING, "", "experimentDatasetId"),
}
