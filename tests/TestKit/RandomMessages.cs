using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Workflows.TestKit;

/// <summary>
/// Makes messages that are well-formed and mean anything or nothing: missing parts, extreme numbers and times, values
/// that no enumeration has, and texts of all kinds.
/// </summary>
/// <param name="random">Where they come from.</param>
/// <param name="known">Texts that mean something to the receiver, such as ids; they make up about half of all.</param>
public sealed class RandomMessages(Random random, params string[] known)
{
    private const int Deepest = 5;

    private static readonly long[] Numbers =
    [
        0, 1, -1, 2, 7, 1000, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue, 253402300799, 253402300800,
        -62135596801, 315576000000, 315576000001, 999_999_999, 1_000_000_000,
    ];

    private static readonly double[] Reals =
        [0, 1, -1, 0.5, 1e300, -1e300, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.Epsilon];

    /// <summary>Makes a message.</summary>
    /// <param name="descriptor">Its type.</param>
    /// <returns>The message.</returns>
    public IMessage Next(MessageDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return Next(descriptor, 0);
    }

    private IMessage Next(MessageDescriptor descriptor, int depth)
    {
        var message = descriptor.Parser.ParseFrom(ReadOnlySpan<byte>.Empty.ToArray());
        foreach (var field in descriptor.Fields.InDeclarationOrder())
        {
            if (random.Next(3) == 0 || (depth >= Deepest && field.FieldType == FieldType.Message))
            {
                continue;
            }

            if (field.IsMap)
            {
                var (key, value) = (field.MessageType.Fields[1], field.MessageType.Fields[2]);
                var map = (IDictionary)field.Accessor.GetValue(message);
                map[Value(key, depth)] = Value(value, depth);
            }
            else if (field.IsRepeated)
            {
                var list = (IList)field.Accessor.GetValue(message);
                for (var left = random.Next(4); left > 0; left--)
                {
                    list.Add(Value(field, depth));
                }
            }
            else
            {
                field.Accessor.SetValue(message, Value(field, depth));
            }
        }

        return message;
    }

    private object Value(FieldDescriptor field, int depth) => field.FieldType switch
    {
        FieldType.Bool => random.Next(2) == 0,
        FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => unchecked((int)Number()),
        FieldType.UInt32 or FieldType.Fixed32 => unchecked((uint)Number()),
        FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => Number(),
        FieldType.UInt64 or FieldType.Fixed64 => unchecked((ulong)Number()),
        FieldType.Float => (float)Reals[random.Next(Reals.Length)],
        FieldType.Double => Reals[random.Next(Reals.Length)],
        FieldType.Enum => random.Next(4) == 0 ? 4711 : AnyOf(field.EnumType),
        FieldType.Bytes => ByteString.CopyFromUtf8(Text()),
        FieldType.String => Text(),

        // Properties of well-known wrapper types are plain values in C#.
        FieldType.Message when field.MessageType.File.Name == "google/protobuf/wrappers.proto"
            => Value(field.MessageType.Fields[1], depth),
        FieldType.Message => Next(field.MessageType, depth + 1),
        _ => throw new NotSupportedException($"Fields of the type {field.FieldType} are not made yet."),
    };

    private int AnyOf(EnumDescriptor type) => type.Values[random.Next(type.Values.Count)].Number;

    private long Number() => Numbers[random.Next(Numbers.Length)];

    private string Text() => random.Next(8) switch
    {
        0 => "",
        1 => new string('x', random.Next(1, 5000)),
        2 => AnyText.Of(random, 6, "\0", "\n", "\u001b[31m", "../", "%00"),
        3 => "{\"a\": [1, null]}",
        _ when known.Length > 0 => known[random.Next(known.Length)],
        _ => AnyText.Line(random),
    };
}
