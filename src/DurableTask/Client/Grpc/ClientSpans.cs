using System.Diagnostics;

namespace Microsoft.DurableTask.Client.Grpc;

/// <summary>The spans of a client, under the source, names and tags of the official packages.</summary>
internal static class ClientSpans
{
    private static readonly ActivitySource Source = new("Microsoft.DurableTask");

    /// <summary>The start of an orchestration: everything that it does belongs to this span's trace.</summary>
    public static Activity? Schedule(string name, string? version, string instanceId)
    {
        Activity? span = Source.StartActivity(
            string.IsNullOrEmpty(version) ? $"create_orchestration:{name}" : $"create_orchestration:{name}@({version})",
            ActivityKind.Producer);
        span?.SetTag("durabletask.type", "orchestration");
        span?.SetTag("durabletask.task.name", name);
        span?.SetTag("durabletask.task.instance_id", instanceId);
        if (!string.IsNullOrEmpty(version))
        {
            span?.SetTag("durabletask.task.version", version);
        }

        return span;
    }

    /// <summary>An event on its way to an orchestration.</summary>
    public static Activity? Raise(string eventName, string instanceId)
    {
        Activity? span = Source.StartActivity($"orchestration_event:{eventName}", ActivityKind.Producer);
        span?.SetTag("durabletask.type", "event");
        span?.SetTag("durabletask.event.name", eventName);
        span?.SetTag("durabletask.event.target_instance_id", instanceId);
        return span;
    }
}
