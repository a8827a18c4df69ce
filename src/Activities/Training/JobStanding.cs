using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>The state of a job by its worker's last report.</summary>
/// <param name="SilentFor">Time since the worker's last message, or since the dispatch before the first one.</param>
/// <param name="Step">The last step reported; 0 for none.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="CheckpointStep">The newest complete checkpoint.</param>
/// <param name="Loss">Training loss of the last step.</param>
/// <param name="End">The job's end; null while it runs.</param>
public sealed record JobStanding(
    TimeSpan SilentFor, int Step, int Steps, int CheckpointStep, double? Loss, JobEnd? End);
