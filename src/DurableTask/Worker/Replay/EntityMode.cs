namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>How orchestrators write messages to entities.</summary>
internal enum EntityMode
{
    /// <summary>Not at all: entities are switched off.</summary>
    Off,

    /// <summary>As events with JSON texts, which every engine of the protocol understands.</summary>
    Classic,

    /// <summary>As messages of their own, as the Durable Task Scheduler asks for.</summary>
    AzureManaged,
}
