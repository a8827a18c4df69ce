using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>The base of the owners of a part of the engine's state, which only the engine's thread uses.</summary>
internal abstract class EnginePart(EngineLoop loop, TaskHubSidecarOptions options)
{
    /// <summary>Bytes for an item's frame beside the largest payload.</summary>
    protected const int FrameBytes = 64 * 1024;

    protected EngineLoop Loop { get; } = loop;

    protected TaskHubSidecarOptions Options { get; } = options;

    protected TaskHubStore Store => Loop.Store;

    protected TimeProvider Time => Loop.Time;

    protected ILogger Logger => Loop.Logger;

    protected Timestamp Now() => Timestamp.FromDateTimeOffset(Time.GetUtcNow());

    protected Task<T> AskAsync<T>(Action<TaskCompletionSource<T>> request) => Loop.AskAsync(request);

    protected void Answer<T>(TaskCompletionSource<T> answer, T value) => Loop.Answer(answer, value);

    protected void AfterCommit(Action action) => Loop.AfterCommit(action);

    protected void Write(StoreOperation change) => Loop.Write(change);

    protected static RpcException Refuse(StatusCode code, string message) => new(new Status(code, message));

    /// <exception cref="RpcException">The time is outside the calendar.</exception>
    protected static void CheckTime(Timestamp? time, string what)
    {
        if (!Moment.IsValid(time))
        {
            throw Refuse(StatusCode.InvalidArgument, $"The {what} is outside the years 1 to 9999.");
        }
    }

    /// <exception cref="RpcException">The text is larger than the largest payload.</exception>
    protected void CheckSize(string? data, string what)
    {
        if (data is not null && System.Text.Encoding.UTF8.GetByteCount(data) > Options.MaxPayloadBytes)
        {
            throw Refuse(
                StatusCode.InvalidArgument,
                $"The {what} is larger than {Options.MaxPayloadBytes} bytes. Pass a reference to the data instead.");
        }
    }
}
