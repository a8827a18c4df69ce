namespace Microsoft.DurableTask.Entities;

/// <summary>An orchestration's access to durable entities, which no context here supports.</summary>
public abstract class TaskOrchestrationEntityFeature
{
}
