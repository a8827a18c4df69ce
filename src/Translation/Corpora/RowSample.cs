namespace Workflows.Translation.Corpora;

/// <summary>One row that the reader left out, for the report.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Fault">What is wrong with it.</param>
/// <param name="Text">Its beginning, with U+FFFD for what is not UTF-8.</param>
public sealed record RowSample(long Line, RowFault Fault, string Text);
