namespace Workflows.Orchestrations;

/// <summary>The end of the part of a run before its teardown.</summary>
/// <param name="Status">Succeeded, failed or cancelled.</param>
/// <param name="Failure">The reason why it did not succeed; null for a success.</param>
internal sealed record StoryEnd(RunStatus Status, RunFailure? Failure = null)
{
    public static StoryEnd Succeeded { get; } = new(RunStatus.Succeeded);

    public static StoryEnd Cancelled { get; } = new(RunStatus.Cancelled);

    public static StoryEnd Failed(RunFailure failure) => new(RunStatus.Failed, failure);
}
