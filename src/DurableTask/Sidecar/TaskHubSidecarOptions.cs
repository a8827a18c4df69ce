namespace Workflows.DurableTask.Sidecar;

/// <summary>Options of the engine.</summary>
public sealed class TaskHubSidecarOptions
{
    /// <summary>The folder of the task hub's file, <c>taskhub.db</c>. It is created when missing.</summary>
    /// <value>Default: <c>data</c> in the working folder.</value>
    public string DataDirectory { get; set; } = "data";

    /// <summary>The interval of pings to a silent worker connection.</summary>
    /// <value>Default: 30 s. Workers disconnect after 120 s of silence.</value>
    public TimeSpan HealthPingInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The time after which an episode that a connected worker did not report is offered again.</summary>
    /// <value>Default: 5 minutes. Activities have no such limit while their worker is connected.</value>
    public TimeSpan EpisodeLease { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The most work items of a kind that a worker gets at once if it sets no limit.</summary>
    /// <value>Default: 100.</value>
    public int DefaultConcurrency { get; set; } = 100;

    /// <summary>The size of a history above which it is streamed separately from the work item.</summary>
    /// <value>Bytes; default: 1 MiB.</value>
    public int HistoryStreamingThresholdBytes { get; set; } = 1024 * 1024;

    /// <summary>The largest single input, result or event.</summary>
    /// <value>Bytes; default: 3,900,000, which fits the 4 MB message limit of official workers.</value>
    public int MaxPayloadBytes { get; set; } = 3_900_000;

    /// <summary>The times in a row that a work item is handed out without a result before it is parked.</summary>
    /// <value>Default: 20. A parked orchestration is suspended, with the reason as its failure, until it is resumed;
    /// the count restarts when the engine does.</value>
    public int MaxDispatches { get; set; } = 20;

    /// <summary>The time for which ended orchestrations are kept before they are purged.</summary>
    /// <value>Default: null, forever.</value>
    public TimeSpan? Retention { get; set; }
}
