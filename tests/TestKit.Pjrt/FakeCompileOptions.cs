namespace Workflows.TestKit.Pjrt;

/// <summary>The fields of <c>CompileOptionsProto</c> that decide where a program runs.</summary>
internal sealed record FakeCompileOptions
{
    public int Replicas { get; private set; }

    public int Partitions { get; private set; }

    public bool IsPortable { get; private set; }

    public IReadOnlyList<long> DeviceIds { get; private set; } = [];

    public required string Hex { get; init; }

    /// <summary>Reads the message; bytes that are none, or that name no device, are refused.</summary>
    public static FakeCompileOptions Parse(ReadOnlySpan<byte> bytes)
    {
        var options = new FakeCompileOptions { Hex = Convert.ToHexStringLower(bytes) };
        try
        {
            foreach (var (field, value, body) in Fields(bytes.ToArray()))
            {
                options.IsPortable |= field == 4 && value != 0;
                if (field == 3)
                {
                    options.ReadBuild(body);
                }
            }
        }
        catch (Exception exception) when (exception is IndexOutOfRangeException or ArgumentException or FormatException)
        {
            throw new FakeErrorException(3, $"failed to deserialize CompileOptionsProto: {exception.Message}");
        }

        return options.Replicas > 0 && options.Partitions > 0
            ? options
            : throw new FakeErrorException(3, "Check failed: replica_count > 0");
    }

    private static IEnumerable<(int Field, long Value, byte[] Body)> Fields(byte[] bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            var tag = Varint(bytes, ref at);
            switch (tag & 7)
            {
                case 0:
                    yield return ((int)(tag >> 3), Varint(bytes, ref at), []);
                    break;
                case 1:
                    at += sizeof(double);
                    break;
                case 2:
                    var length = (int)Varint(bytes, ref at);
                    yield return ((int)(tag >> 3), 0, bytes.AsSpan(at, length).ToArray());
                    at += length;
                    break;
                default:
                    throw new FormatException($"Wire type {tag & 7}.");
            }
        }
    }

    private static long Varint(byte[] bytes, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var each = bytes[at++];
            value |= (ulong)(each & 0x7f) << shift;
            if (each < 0x80)
            {
                return (long)value;
            }
        }
    }

    private void ReadBuild(byte[] bytes)
    {
        foreach (var (field, value, body) in Fields(bytes))
        {
            switch (field)
            {
                case 4:
                    Replicas = (int)value;
                    break;
                case 5:
                    Partitions = (int)value;
                    break;
                case 9:
                    var devices = Fields(body).Where(each => each.Field == 3).SelectMany(each => Fields(each.Body));
                    DeviceIds = [.. devices.SelectMany(each => Packed(each.Body))];
                    break;
            }
        }
    }

    private static List<long> Packed(byte[] bytes)
    {
        var (at, numbers) = (0, new List<long>());
        while (at < bytes.Length)
        {
            numbers.Add(Varint(bytes, ref at));
        }

        return numbers;
    }
}
