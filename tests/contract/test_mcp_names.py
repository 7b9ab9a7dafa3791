"""Which tools the MCP server has: those that clients of the reference know, and no others."""

from __future__ import annotations

from lumenspan_server.mcp.table import TOOLS

NAMES = {
    "prompts": "listPrompts getPrompt getPromptUnresolved createTextPrompt createChatPrompt "
    "updatePromptLabels",
    "observations": "listObservations getObservation getObservationFieldSchema getObservationFilterSchema "
    "getObservationFilterValues",
    "scores": "createScore getScore listScores createScoreConfig listScoreConfigs getScoreConfig "
    "updateScoreConfig deleteScoreConfig",
    "datasets": "listDatasets getDataset upsertDataset listDatasetItems getDatasetItem upsertDatasetItem "
    "deleteDatasetItem listDatasetRuns getDatasetRun deleteDatasetRun listDatasetRunItems "
    "createDatasetRunItem",
    "queues": "listAnnotationQueues getAnnotationQueue createAnnotationQueue listAnnotationQueueItems "
    "getAnnotationQueueItem createAnnotationQueueItem updateAnnotationQueueItem deleteAnnotationQueueItem "
    "createAnnotationQueueAssignment deleteAnnotationQueueAssignment",
    "misc": "createComment getComment listComments getMedia getMetricsSchema queryMetrics listModels "
    "getModel createModel deleteModel listExperiments listExperimentItems getHealth listAlerts getAlert "
    "submitFeedback",
    "evals": "listEvaluators getEvaluator createEvaluator updateEvaluator deleteEvaluator "
    "listManagedEvaluatorTemplates listEvaluationRules getEvaluationRule createEvaluationRule "
    "updateEvaluationRule deleteEvaluationRule attachEvaluatorToEvaluationRule "
    "detachEvaluatorFromEvaluationRule",
    "dashboards": "listDashboards getDashboard createDashboard updateDashboard deleteDashboard "
    "listDashboardWidgets getDashboardWidget createDashboardWidget updateDashboardWidget "
    "deleteDashboardWidget addDashboardPlacement updateDashboardPlacement deleteDashboardPlacement",
}


def test_every_tool_is_there_once() -> None:
    expected = sorted(name for names in NAMES.values() for name in names.split())
    assert sorted(tool.name for tool in TOOLS) == expected
    assert len(expected) == 83
