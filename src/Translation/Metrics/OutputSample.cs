namespace Workflows.Translation.Metrics;

/// <summary>One degenerate output, for the report.</summary>
/// <param name="Fault">The fault.</param>
/// <param name="Index">Its segment, from 0.</param>
/// <param name="Source">The source.</param>
/// <param name="Output">The output.</param>
public sealed record OutputSample(OutputFault Fault, int Index, string Source, string Output);
