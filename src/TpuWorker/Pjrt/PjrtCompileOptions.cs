using System.Buffers.Binary;
using System.Text;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>Options of a compilation: the fields of XLA's <c>CompileOptionsProto</c> that this product uses.</summary>
public sealed record PjrtCompileOptions
{
    /// <summary>Gets the number of replicas, at least 1. An empty message makes plugins abort the process.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>Gets the number of partitions, at least 1: the devices over which one program is split.</summary>
    public int Partitions { get; init; } = 1;

    /// <summary>Gets a value indicating whether the program is split by its sharding annotations.</summary>
    public bool UseSpmd { get; init; }

    /// <summary>Gets a value indicating whether the annotations are Shardy's (<c>sdy.sharding</c>), not
    /// GSPMD's.</summary>
    public bool UseShardy { get; init; }

    /// <summary>Gets a value indicating whether executions choose the device; for one replica and one
    /// partition.</summary>
    public bool IsPortable { get; init; }

    /// <summary>
    /// Gets the devices' <see cref="PjrtDevice.Id"/>, for each partition one for each replica; if empty, the plugin
    /// chooses.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<int>> DeviceIds { get; init; } = [];

    /// <summary>
    /// Gets flags of the compiler by their names without dashes, such as <c>xla_tpu_scoped_vmem_limit_kib</c>; each a
    /// string, bool, int, long or double.
    /// </summary>
    public IReadOnlyDictionary<string, object> Flags { get; init; } = new Dictionary<string, object>();

    /// <summary>Returns the options of a program that annotations split over devices (Shardy).</summary>
    /// <param name="devices">Devices; 1 for a program of one device.</param>
    /// <param name="others">All other options; null for the defaults.</param>
    /// <returns>The options.</returns>
    public static PjrtCompileOptions Over(int devices, PjrtCompileOptions? others = null) => devices == 1
        ? others ?? new PjrtCompileOptions()
        : (others ?? new PjrtCompileOptions()) with { Partitions = devices, UseSpmd = true, UseShardy = true };

    /// <summary>Writes the options in the protobuf format.</summary>
    /// <returns>The same bytes for equal options, independent of the order of their flags.</returns>
    /// <exception cref="ArgumentException">
    /// A number is below 1, devices are missing, or a flag has another type.
    /// </exception>
    public byte[] ToBytes()
    {
        Check();
        var build = new Message();
        build.Integer(1, -1);
        build.Integer(4, Replicas);
        build.Integer(5, Partitions);
        build.Flag(6, UseSpmd);
        if (DeviceIds.Count > 0)
        {
            build.Embedded(9, Assignment());
        }

        build.Flag(19, UseShardy);
        var options = new Message();
        options.Embedded(3, build);
        options.Flag(4, IsPortable);
        foreach (var (name, value) in Flags.OrderBy(flag => flag.Key, StringComparer.Ordinal))
        {
            var entry = new Message();
            entry.Text(1, name);
            entry.Embedded(2, Override(name, value));
            options.Embedded(7, entry);
        }

        return options.ToArray();
    }

    private static Message Override(string name, object value)
    {
        var message = new Message();
        switch (value)
        {
            case string text:
                message.Text(1, text);
                break;
            case bool flag:
                message.Integer(2, flag ? 1 : 0);
                break;
            case int number:
                message.Integer(3, number);
                break;
            case long number:
                message.Integer(3, number);
                break;
            case double number:
                message.Real(4, number);
                break;
            default:
                throw new ArgumentException(
                    $"The flag '{name}' is a {value.GetType()}: give a string, bool, int, long or double.");
        }

        return message;
    }

    private void Check()
    {
        if (Replicas < 1 || Partitions < 1)
        {
            throw new ArgumentException(
                $"{Replicas} replicas and {Partitions} partitions were given, wanted at least 1 of each.");
        }

        if (DeviceIds.Count > 0 && (DeviceIds.Count != Partitions || DeviceIds.Any(ids => ids.Count != Replicas)))
        {
            throw new ArgumentException(
                $"The device ids must be {Partitions} lists, one for each partition, of {Replicas} ids each.");
        }

        if (IsPortable && (Replicas * Partitions != 1 || DeviceIds.Count > 0))
        {
            throw new ArgumentException("A portable program has one replica, one partition and no device ids.");
        }
    }

    private Message Assignment()
    {
        var assignment = new Message();
        assignment.Integer(1, Replicas);
        assignment.Integer(2, Partitions);
        foreach (var ids in DeviceIds)
        {
            var packed = new Message();
            foreach (var id in ids)
            {
                packed.Bare(id);
            }

            var device = new Message();
            device.Embedded(1, packed);
            assignment.Embedded(3, device);
        }

        return assignment;
    }

    /// <summary>Fields of one protobuf message.</summary>
    private sealed class Message
    {
        private const int VarintWire = 0, EightByteWire = 1, LengthWire = 2;

        private readonly List<byte> _bytes = [];

        public void Integer(int field, long value)
        {
            Bare((field << 3) | VarintWire);
            Bare(value);
        }

        /// <summary>Writes a flag if it is set, since the default is unset.</summary>
        public void Flag(int field, bool value)
        {
            if (value)
            {
                Integer(field, 1);
            }
        }

        public void Real(int field, double value)
        {
            Bare((field << 3) | EightByteWire);
            Span<byte> bytes = stackalloc byte[sizeof(double)];
            BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
            _bytes.AddRange(bytes);
        }

        public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

        public void Embedded(int field, Message message) => Bytes(field, message._bytes);

        /// <summary>Writes a base-128 number, the lowest bits first.</summary>
        public void Bare(long value)
        {
            var rest = (ulong)value;
            for (; rest >= 0x80; rest >>= 7)
            {
                _bytes.Add((byte)(rest | 0x80));
            }

            _bytes.Add((byte)rest);
        }

        public byte[] ToArray() => [.. _bytes];

        private void Bytes(int field, IReadOnlyCollection<byte> value)
        {
            Bare((field << 3) | LengthWire);
            Bare(value.Count);
            _bytes.AddRange(value);
        }
    }
}
