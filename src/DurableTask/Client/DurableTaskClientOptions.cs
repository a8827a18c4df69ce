using Microsoft.DurableTask.Converters;

namespace Microsoft.DurableTask.Client;

/// <summary>Options of a client.</summary>
public class DurableTaskClientOptions
{
    private DataConverter _dataConverter = JsonDataConverter.Default;

    /// <summary>The version that orchestrations start with when none is given.</summary>
    /// <value>Default: empty, no version.</value>
    public string DefaultVersion { get; set; } = string.Empty;

    /// <summary>Turns inputs, outputs and events into text and back.</summary>
    /// <value>Default: JSON, or the converter among the services.</value>
    public DataConverter DataConverter
    {
        get => _dataConverter;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _dataConverter = value;
            DataConverterExplicitlySet = true;
        }
    }

    /// <summary>Whether <see cref="DurableTaskClient.Entities"/> may be used.</summary>
    /// <value>Default: false; true with the Durable Task Scheduler.</value>
    public bool EnableEntitySupport { get; set; }

    internal bool DataConverterExplicitlySet { get; private set; }

    internal void ApplyTo(DurableTaskClientOptions other)
    {
        if (!other.DataConverterExplicitlySet)
        {
            other._dataConverter = _dataConverter;
        }

        if (string.IsNullOrEmpty(other.DefaultVersion))
        {
            other.DefaultVersion = DefaultVersion;
        }

        other.EnableEntitySupport |= EnableEntitySupport;
    }
}
