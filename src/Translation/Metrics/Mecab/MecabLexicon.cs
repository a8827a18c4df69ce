using System.Buffers.Binary;
using System.Text;

namespace Workflows.Translation.Metrics.Mecab;

/// <summary>A compiled word list (sys.dic or unk.dic): a double array from bytes to entries.</summary>
internal sealed class MecabLexicon
{
    private const uint Magic = 0xef718f77;
    private const uint Version = 102;
    private const int HeaderBytes = 72;

    private readonly (int Base, uint Check)[] _units;
    private readonly MecabToken[] _tokens;

    private MecabLexicon(uint size, ushort left, ushort right, (int, uint)[] units, MecabToken[] tokens)
    {
        (Size, LeftSize, RightSize) = (size, left, right);
        (_units, _tokens) = (units, tokens);
    }

    /// <summary>Gets the number of entries.</summary>
    public uint Size { get; }

    public ushort LeftSize { get; }

    public ushort RightSize { get; }

    public static MecabLexicon Read(string folder, string name)
    {
        var header = MecabFile.Read(folder, name, HeaderBytes);
        MecabFile.Check(header.Length == HeaderBytes, folder, name);
        var numbers = MecabFile.Array<uint>(header.AsSpan(0, 40));
        var length = new FileInfo(Path.Combine(folder, name)).Length;
        var (arrayBytes, tokenBytes) = ((long)numbers[6], (long)numbers[7]);
        MecabFile.Check((numbers[0] ^ Magic) == length && numbers[1] == Version
            && HeaderBytes + arrayBytes + tokenBytes + numbers[8] == length, folder, name);
        MecabFile.Check(header.AsSpan(40).StartsWith("UTF-8\0"u8), folder, name, "the dictionary is not in UTF-8.");

        // The features, in the second half of the file, are not needed to split a line into words.
        var bytes = MecabFile.Read(folder, name, (int)(HeaderBytes + arrayBytes + tokenBytes));
        var array = bytes.AsSpan(HeaderBytes, (int)arrayBytes);
        var units = new (int, uint)[arrayBytes / 8];
        for (var i = 0; i < units.Length; i++)
        {
            units[i] = (BinaryPrimitives.ReadInt32LittleEndian(array[(8 * i)..]),
                BinaryPrimitives.ReadUInt32LittleEndian(array[(8 * i + 4)..]));
        }

        return new MecabLexicon(numbers[3], (ushort)numbers[4], (ushort)numbers[5], units,
            MecabFile.Array<MecabToken>(bytes.AsSpan((int)(HeaderBytes + arrayBytes), (int)tokenBytes)));
    }

    /// <summary>Finds all entries with which the text begins, short ones first.</summary>
    public void Prefixes(ReadOnlySpan<byte> text, List<(int Length, int First, int Count)> found)
    {
        found.Clear();
        var state = _units[0].Base;
        for (var i = 0; ; i++)
        {
            Collect(state, i, found);
            var next = i < text.Length ? state + text[i] + 1 : -1;
            if (next < 0 || next >= _units.Length || _units[next].Check != (uint)state)
            {
                return;
            }

            state = _units[next].Base;
        }
    }

    public ReadOnlySpan<MecabToken> Tokens(int first, int count) => _tokens.AsSpan(first, count);

    public ReadOnlySpan<MecabToken> Find(string word)
    {
        var bytes = Encoding.UTF8.GetBytes(word);
        var found = new List<(int Length, int First, int Count)>();
        Prefixes(bytes, found);
        return found.Count > 0 && found[^1].Length == bytes.Length ? Tokens(found[^1].First, found[^1].Count) : [];
    }

    private void Collect(int state, int length, List<(int Length, int First, int Count)> found)
    {
        if ((uint)state < (uint)_units.Length && _units[state].Check == (uint)state && _units[state].Base < 0)
        {
            var value = -_units[state].Base - 1;
            found.Add((length, value >> 8, value & 0xff));
        }
    }
}
