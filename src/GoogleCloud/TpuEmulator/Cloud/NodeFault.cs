namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>What can be made to happen to a node.</summary>
internal enum NodeFault
{
    /// <summary>A preemption, with its zone's notice; spot nodes only, as in the cloud.</summary>
    Preempt,

    /// <summary>The VM's command is killed; the node stays READY.</summary>
    Kill,

    /// <summary>The VM's command is killed and begins again, on the same disk.</summary>
    Reboot,

    /// <summary>A maintenance of its host, without notice.</summary>
    Maintain,

    /// <summary>The end of its maximum run duration; nodes of flex-start only.</summary>
    End,
}
