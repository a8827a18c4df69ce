namespace Workflows.DurableTask.Sidecar;

/// <summary>Options of the engine.</summary>
public sealed class TaskHubSidecarOptions
{
    /// <summary>The folder of the task hub's file, <c>taskhub.db</c>. It is created when missing.</summary>
    /// <value>Default: <c>data</c> in the working folder.</value>
    public string DataDirectory { get; set; } = "data";

    /// <summary>How often a silent worker connection is sent a ping.</summary>
    /// <value>Default: 30 s. Workers give up after 120 s of silence.</value>
    public TimeSpan HealthPingInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>After how long an episode that a connected worker did not report is offered again.</summary>
    /// <value>Default: 5 minutes. Activities have no such limit while their worker is connected.</value>
    public TimeSpan EpisodeLease { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How many work items of a kind a worker gets at once when it names no limit.</summary>
    /// <value>Default: 100.</value>
    public int DefaultConcurrency { get; set; } = 100;

    /// <summary>The size of history above which it is streamed apart from the work item.</summary>
    /// <value>Bytes; default: 1 MiB.</value>
    public int HistoryStreamingThresholdBytes { get; set; } = 1024 * 1024;

    /// <summary>The largest single input, result or event.</summary>
    /// <value>Bytes; default: 3,900,000, which fits the 4 MB message limit of stock workers.</value>
    public int MaxPayloadBytes { get; set; } = 3_900_000;

    /// <summary>How often in a row a work item is handed out without a result before it is parked.</summary>
    /// <value>Default: 20. A parked orchestration is suspended, with the reason as its failure, until it is resumed;
    /// its count starts anew when the engine does.</value>
    public int MaxDispatches { get; set; } = 20;

    /// <summary>How long ended orchestrations are kept before they are purged.</summary>
    /// <value>Default: null, for ever.</value>
    public TimeSpan? Retention { get; set; }
}
