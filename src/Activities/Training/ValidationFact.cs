namespace Workflows.Activities.Training;

/// <summary>One measurement on the validation pairs.</summary>
/// <param name="Step">Optimizer step after which it was measured.</param>
/// <param name="Score">Loss in nats, or chrF of 0 to 100.</param>
/// <param name="Metric"><c>loss</c> or <c>chrf</c>.</param>
public sealed record ValidationFact(int Step, double Score, string Metric);
