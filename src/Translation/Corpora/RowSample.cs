namespace Workflows.Translation.Corpora;

/// <summary>One row that the reader left out, for the report.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Fault">The fault.</param>
/// <param name="Text">Its beginning, with U+FFFD for bytes that are not UTF-8.</param>
public sealed record RowSample(long Line, RowFault Fault, string Text);
