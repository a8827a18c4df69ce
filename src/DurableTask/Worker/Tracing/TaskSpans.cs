using System.Diagnostics;
using System.Runtime.CompilerServices;
using Google.Protobuf.WellKnownTypes;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Tracing;

/// <summary>The spans of a worker, under the source, names and tags of the official packages.</summary>
internal static class TaskSpans
{
    public const string SourceName = "Microsoft.DurableTask";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Whether anybody would see a span.</summary>
    public static bool IsWatched => Source.HasListeners();

    /// <summary>The run of an activity; null when nobody listens, or the orchestration belongs to no trace.</summary>
    public static Activity? StartActivity(Proto.ActivityRequest request)
    {
        if (!IsWatched || Context(request.ParentTraceContext) is not { } parent)
        {
            return null;
        }

        Activity? span = Source.StartActivity(
            Named("activity", request.Name, request.Version), ActivityKind.Server, parent);
        Tag(span, "activity", request.Name, request.Version, request.OrchestrationInstance.InstanceId);
        span?.SetTag("durabletask.task.task_id", request.TaskId);
        return span;
    }

    /// <summary>Writes down something that began earlier, perhaps in another process, and ends now.</summary>
    public static void Record(
        string name,
        ActivityKind kind,
        ActivityContext parent,
        ActivitySpanId id,
        Timestamp start,
        Action<Activity> describe)
    {
        Activity? span = Source.CreateActivity(name, kind, parent);
        if (span is null)
        {
            return;
        }

        Activity? outer = Activity.Current;
        span.SetStartTime(start.ToDateTime());
        span.Start();
        // Its id was given to others when it began; there is no public way to begin a span with a known id.
        SpanIdOf(span) = id.ToHexString();
        describe(span);
        span.Stop();
        Activity.Current = outer;
    }

    public static void Tag(Activity? span, string type, string name, string? version, string instanceId)
    {
        span?.SetTag("durabletask.type", type);
        span?.SetTag("durabletask.task.name", name);
        span?.SetTag("durabletask.task.instance_id", instanceId);
        if (!string.IsNullOrEmpty(version))
        {
            span?.SetTag("durabletask.task.version", version);
        }
    }

    public static void Fail(Activity? span, string message) => span?.SetStatus(ActivityStatusCode.Error, message);

    public static ActivityContext? Context(Proto.TraceContext? context) =>
        context is not null
        && ActivityContext.TryParse(context.TraceParent, context.TraceState, isRemote: true, out ActivityContext parsed)
            ? parsed
            : null;

    public static string Named(string kind, string name, string? version) =>
        string.IsNullOrEmpty(version) ? $"{kind}:{name}" : $"{kind}:{name}@({version})";

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_spanId")]
    private static extern ref string? SpanIdOf(Activity span);
}
