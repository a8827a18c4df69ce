using System.Globalization;
using Google.Cloud.Tpu.V2;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>What VMs see of themselves, and say of themselves.</summary>
internal sealed partial class EmulatedCloud
{
    /// <summary>Returns the node whose VM has this key.</summary>
    public Node? ByMetadataKey(string key)
    {
        lock (_lock)
        {
            return Nodes().FirstOrDefault(record => record.MetadataKey == key)?.Node.Clone();
        }
    }

    /// <summary>Returns whether this VM was told of its preemption; null if there is no such VM.</summary>
    public bool? IsPreemptionTold(string key)
    {
        lock (_lock)
        {
            return Nodes().FirstOrDefault(record => record.MetadataKey == key)?.IsPreemptionTold;
        }
    }

    /// <summary>Sets an attribute of the guest, readable from outside; a scenario may react to it.</summary>
    /// <returns>true if there is such a VM.</returns>
    public bool SetGuestAttribute(string key, string name, string value)
    {
        lock (_lock)
        {
            if (Nodes().FirstOrDefault(each => each.MetadataKey == key) is not { } record)
            {
                return false;
            }

            record.GuestAttributes[name] = value;
            if (record.PreemptAttribute == name
                && double.TryParse(value, CultureInfo.InvariantCulture, out var number)
                && number >= record.PreemptAtLeast && record.Node.State == Node.Types.State.Ready)
            {
                record.PreemptAttribute = null;
                var now = _clock.GetUtcNow();
                PlanPreemption(record, now + record.PreemptNotice, now);
                Settle();
                Changed();
            }

            return true;
        }
    }

    public IReadOnlyDictionary<string, string> GuestAttributes(string name)
    {
        lock (_lock)
        {
            return new Dictionary<string, string>(Record(name).GuestAttributes, StringComparer.Ordinal);
        }
    }
}
