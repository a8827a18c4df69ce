using System.Diagnostics.CodeAnalysis;

namespace Microsoft.DurableTask.Client;

/// <summary>A snapshot of an orchestration.</summary>
/// <param name="name">The orchestrator.</param>
/// <param name="instanceId">The instance.</param>
public sealed class OrchestrationMetadata(string name, string instanceId)
{
    /// <summary>The orchestrator.</summary>
    public string Name { get; } = name;

    /// <summary>The instance.</summary>
    public string InstanceId { get; } = instanceId;

    /// <summary>Reads the data; null when inputs and outputs were not fetched.</summary>
    public DataConverter? DataConverter { get; init; }

    /// <summary>Where the orchestration is in its life.</summary>
    public OrchestrationRuntimeStatus RuntimeStatus { get; init; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it last changed.</summary>
    public DateTimeOffset LastUpdatedAt { get; init; }

    /// <summary>The input as text.</summary>
    public string? SerializedInput { get; init; }

    /// <summary>The result as text.</summary>
    public string? SerializedOutput { get; init; }

    /// <summary>The custom status as text.</summary>
    public string? SerializedCustomStatus { get; init; }

    /// <summary>The tags it was started with.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    /// <summary>How it failed.</summary>
    /// <value>Null unless it failed.</value>
    public TaskFailureDetails? FailureDetails { get; init; }

    /// <summary>Whether it is running.</summary>
    public bool IsRunning => RuntimeStatus == OrchestrationRuntimeStatus.Running;

    /// <summary>Whether it has ended.</summary>
    public bool IsCompleted => RuntimeStatus is OrchestrationRuntimeStatus.Completed
        or OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated;

    [MemberNotNullWhen(true, nameof(DataConverter))]
    private bool RequestedInputsAndOutputs => DataConverter is not null;

    /// <summary>Reads the input.</summary>
    /// <typeparam name="T">The type to read it as.</typeparam>
    /// <returns>The input.</returns>
    /// <exception cref="InvalidOperationException">Inputs and outputs were not fetched.</exception>
    public T? ReadInputAs<T>() => Read<T>(SerializedInput);

    /// <summary>Reads the result.</summary>
    /// <typeparam name="T">The type to read it as.</typeparam>
    /// <returns>The result.</returns>
    /// <exception cref="InvalidOperationException">Inputs and outputs were not fetched.</exception>
    public T? ReadOutputAs<T>() => Read<T>(SerializedOutput);

    /// <summary>Reads the custom status.</summary>
    /// <typeparam name="T">The type to read it as.</typeparam>
    /// <returns>The custom status.</returns>
    /// <exception cref="InvalidOperationException">Inputs and outputs were not fetched.</exception>
    public T? ReadCustomStatusAs<T>() => Read<T>(SerializedCustomStatus);

    /// <inheritdoc/>
    public override string ToString() =>
        $"[Name: '{Name}', ID: '{InstanceId}', RuntimeStatus: {RuntimeStatus}, CreatedAt: {CreatedAt:s}, "
        + $"LastUpdatedAt: {LastUpdatedAt:s}]";

    private T? Read<T>(string? data) => RequestedInputsAndOutputs
        ? DataConverter.Deserialize<T>(data)
        : throw new InvalidOperationException(
            $"The data of orchestration '{InstanceId}' was not fetched: ask for inputs and outputs in the query.");
}
