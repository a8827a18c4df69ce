namespace Workflows.DurableTask.Sidecar.Storage;

internal sealed partial class TaskHubStore
{
    private static partial class Log
    {
        [LoggerMessage(2000, LogLevel.Information, "Task hub '{Path}' is open.")]
        public static partial void Opened(ILogger logger, string path);

        [LoggerMessage(2001, LogLevel.Critical,
            "Task hub '{Path}' failed. The engine stops; what was acknowledged before is on disk.")]
        public static partial void FileFailed(ILogger logger, Exception error, string path);
    }
}
