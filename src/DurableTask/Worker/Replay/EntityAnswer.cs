namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>What came back from an entity: a serialized result, or how the operation failed.</summary>
internal sealed record EntityAnswer(string? Result, TaskFailureDetails? Failure);
