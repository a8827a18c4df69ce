using Microsoft.Extensions.Logging;

namespace Microsoft.DurableTask.Worker.Grpc;

internal sealed partial class GrpcDurableTaskWorker
{
    private static partial class Log
    {
        [LoggerMessage(1100, LogLevel.Information, "Connected to the engine; waiting for work items.")]
        public static partial void Connected(ILogger logger);

        [LoggerMessage(1101, LogLevel.Warning,
            "The connection to the engine ended ({Reason}); next try in {DelayMs} ms.")]
        public static partial void Disconnected(ILogger logger, string reason, long delayMs);

        [LoggerMessage(1102, LogLevel.Warning,
            "Work item of '{InstanceId}' could not be completed ({Reason}); it is handed back.")]
        public static partial void CompletionRefused(ILogger logger, string instanceId, string reason);

        [LoggerMessage(1103, LogLevel.Debug, "Activity '{Activity}' of '{InstanceId}' failed.")]
        public static partial void ActivityFailed(ILogger logger, Exception error, string activity, string instanceId);

        [LoggerMessage(1104, LogLevel.Error, "Work item of '{InstanceId}' could not be processed.")]
        public static partial void ItemFailed(ILogger logger, Exception error, string instanceId);

        [LoggerMessage(1105, LogLevel.Information,
            "'{InstanceId}' has version '{Version}', which this worker does not run; it is handed back.")]
        public static partial void VersionRejected(ILogger logger, string instanceId, string version);

        [LoggerMessage(1106, LogLevel.Information,
            "'{InstanceId}' ({Orchestration}) is refused by this worker's filter; it is handed back.")]
        public static partial void FilterRejected(ILogger logger, string instanceId, string orchestration);
    }
}
