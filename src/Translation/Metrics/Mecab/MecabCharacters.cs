using System.Buffers.Binary;
using System.Text;

namespace Workflows.Translation.Metrics.Mecab;

/// <summary>The classes of a character, and the rules for unknown words that begin with it.</summary>
internal readonly record struct MecabCharacter(uint Bits)
{
    public uint Classes => Bits & 0x3ffff;

    public int Class => (int)(Bits >> 18) & 0xff;

    /// <summary>Gets the longest length, in characters, for which unknown words are tried.</summary>
    public int Length => (int)(Bits >> 26) & 0xf;

    /// <summary>Gets a value indicating whether characters of the class are tried together.</summary>
    public bool IsGrouped => (Bits >> 30 & 1) != 0;

    /// <summary>Gets a value indicating whether unknown words are tried beside known ones.</summary>
    public bool IsAlwaysTried => Bits >> 31 != 0;

    public bool IsKindOf(MecabCharacter other) => (Classes & other.Classes) != 0;
}

/// <summary>The table of characters, char.bin.</summary>
internal sealed class MecabCharacters
{
    private const int NameBytes = 32;

    private readonly MecabCharacter[] _map;

    private MecabCharacters(string[] names, MecabCharacter[] map) => (Names, _map) = (names, map);

    public string[] Names { get; }

    public static MecabCharacters Read(string folder)
    {
        const string Name = "char.bin";
        var bytes = MecabFile.Read(folder, Name);
        MecabFile.Check(bytes.Length > 4, folder, Name);
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        MecabFile.Check(count is > 0 and < 19 && bytes.Length == 4 + count * NameBytes + 0xffff * 4, folder, Name);
        var names = Enumerable.Range(0, count)
            .Select(i => Encoding.UTF8.GetString(bytes, 4 + i * NameBytes, NameBytes).TrimEnd('\0')).ToArray();
        return new MecabCharacters(names, MecabFile.Array<MecabCharacter>(bytes.AsSpan(4 + count * NameBytes)));
    }

    /// <summary>Returns the first character of the text; those beyond 16 bits count as U+0000.</summary>
    public MecabCharacter First(ReadOnlySpan<byte> text, out int length)
    {
        if (Rune.DecodeFromUtf8(text, out var rune, out length) != System.Buffers.OperationStatus.Done)
        {
            length = 1;
            return _map[0];
        }

        return _map[rune.Value < _map.Length ? rune.Value : 0];
    }

    /// <summary>Returns the bytes until a character of another kind than the one before it.</summary>
    public int Span(ReadOnlySpan<byte> text, MecabCharacter kind, out int characters)
    {
        var position = 0;
        characters = 0;
        while (position < text.Length)
        {
            var next = First(text[position..], out var length);
            if (!kind.IsKindOf(next))
            {
                break;
            }

            position += length;
            characters++;
            kind = next;
        }

        return position;
    }
}
