namespace Workflows.Translation.Metrics;

/// <summary>The numbers of degenerate outputs.</summary>
/// <param name="Count">Outputs inspected.</param>
/// <param name="Degenerate">Outputs with at least one fault.</param>
/// <param name="Faults">Outputs by fault; every fault has an entry, 0 if it did not occur.</param>
/// <param name="Samples">The first few outputs with each fault.</param>
public sealed record OutputQualityReport(
    int Count,
    int Degenerate,
    IReadOnlyDictionary<OutputFault, int> Faults,
    IReadOnlyList<OutputSample> Samples);
