using Microsoft.Extensions.Logging;
using VersioningOptions = Microsoft.DurableTask.Worker.DurableTaskWorkerOptions.VersioningOptions;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>What every work item of a worker shares.</summary>
internal sealed record WorkerServices(
    DurableTaskRegistry Registry,
    DataConverter Converter,
    ILoggerFactory LoggerFactory,
    TimeSpan MaximumTimerInterval,
    VersioningOptions? Versioning,
    IExceptionPropertiesProvider? ExceptionProperties,
    EntityMode Entities)
{
    public string DefaultVersion => Versioning?.DefaultVersion ?? string.Empty;
}
