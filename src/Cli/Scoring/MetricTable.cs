namespace Workflows.Cli.Scoring;

/// <summary>The scores of all systems by one metric.</summary>
internal sealed record MetricTable(string Metric, string Signature, IReadOnlyList<MetricCell> Cells);

/// <summary>The score of one system, with the results of a test; the baseline has no p-value.</summary>
internal sealed record MetricCell(double Score, double? PValue, double? Mean, double? HalfWidth);
