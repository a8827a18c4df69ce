using System.Runtime.InteropServices;

namespace Workflows.TestKit.Pjrt;

// Argument structures as a C compiler lays them out, field after field: the offsets are not those that the product
// writes down.
#pragma warning disable CA1815, SA1649
[StructLayout(LayoutKind.Sequential)]
internal struct ArgumentHead
{
    public nuint StructSize;
    public nint Extensions;
}

/// <summary>Arguments of a function that takes one object and nothing else.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SubjectArguments
{
    public ArgumentHead Head;
    public nint Subject;
}

/// <summary>Arguments of a function that gives a pointer or a number of 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct WordArguments
{
    public ArgumentHead Head;
    public nint Subject;
    public nint Value;
}

/// <summary>Arguments of a function that gives an <c>int</c> or an enumeration.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IntArguments
{
    public ArgumentHead Head;
    public nint Subject;
    public int Value;
}

/// <summary>Arguments of a function that gives a <c>bool</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FlagArguments
{
    public ArgumentHead Head;
    public nint Subject;
    public byte Value;
}

/// <summary>Arguments of a function that gives an array of its own.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ArrayArguments
{
    public ArgumentHead Head;
    public nint Subject;
    public nint First;
    public nuint Count;
}

/// <summary>The same with the number before the array.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CountedArguments
{
    public ArgumentHead Head;
    public nint Subject;
    public nuint Count;
    public nint First;
}

[StructLayout(LayoutKind.Sequential)]
internal struct PluginAttributesArguments
{
    public ArgumentHead Head;
    public nint Attributes;
    public nuint Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NamedValue
{
    public ArgumentHead Head;
    public nint Name;
    public nuint NameBytes;
    public int Type;
    public nint Value;
    public nuint ValueSize;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OnReadyArguments
{
    public ArgumentHead Head;
    public nint Event;
    public nint Callback;
    public nint UserArgument;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ClientCreateArguments
{
    public ArgumentHead Head;
    public nint Options;
    public nuint OptionCount;
    public nint KeyValueGet;
    public nint KeyValueGetArgument;
    public nint KeyValuePut;
    public nint KeyValuePutArgument;
    public nint Client;
    public nint KeyValueTryGet;
    public nint KeyValueTryGetArgument;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ProgramArguments
{
    public ArgumentHead Head;
    public nint Code;
    public nuint CodeBytes;
    public nint Format;
    public nuint FormatBytes;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ClientCompileArguments
{
    public ArgumentHead Head;
    public nint Client;
    public nint Program;
    public nint Options;
    public nuint OptionBytes;
    public nint Executable;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CompileArguments
{
    public ArgumentHead Head;
    public nint Topology;
    public nint Program;
    public nint Options;
    public nuint OptionBytes;
    public nint Client;
    public nint Executable;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BufferFromHostArguments
{
    public ArgumentHead Head;
    public nint Client;
    public nint Data;
    public int Type;
    public nint Sizes;
    public nuint Rank;
    public nint Strides;
    public nuint StrideCount;
    public int Semantics;
    public nint Device;
    public nint Memory;
    public nint Layout;
    public nint Done;
    public nint Buffer;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MemoryLayout
{
    public ArgumentHead Head;
    public ArgumentHead TiledHead;
    public nint MinorToMajor;
    public nuint MinorToMajorCount;
    public nint TileSizes;
    public nint TileSizeCounts;
    public nuint TileCount;
    public int Type;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ToHostArguments
{
    public ArgumentHead Head;
    public nint Buffer;
    public nint Layout;
    public nint Target;
    public nuint TargetBytes;
    public nint Event;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CopyToDeviceArguments
{
    public ArgumentHead Head;
    public nint Buffer;
    public nint Device;
    public nint Copy;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ExecuteOptions
{
    public ArgumentHead Head;
    public nint SendCallbacks;
    public nint ReceiveCallbacks;
    public nuint SendCount;
    public nuint ReceiveCount;
    public int LaunchId;
    public nint NotDonated;
    public nuint NotDonatedCount;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ExecuteArguments
{
    public ArgumentHead Head;
    public nint Executable;
    public nint Options;
    public nint Arguments;
    public nuint DeviceCount;
    public nuint ArgumentCount;
    public nint Outputs;
    public nint Events;
    public nint Device;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SerializeArguments
{
    public ArgumentHead Head;
    public nint Subject;
    public nint Bytes;
    public nuint Count;
    public nint Owner;
    public nint Deleter;
}

[StructLayout(LayoutKind.Sequential)]
internal struct DeserializeAndLoadArguments
{
    public ArgumentHead Head;
    public nint Client;
    public nint Bytes;
    public nuint Count;
    public nint Executable;
    public nint Options;
    public nuint OptionBytes;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OutputDimensionsArguments
{
    public ArgumentHead Head;
    public nint Executable;
    public nuint OutputCount;
    public nint Sizes;
    public nint Ranks;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ProgramMemoryArguments
{
    public ArgumentHead Head;
    public nint Executable;
    public long Code;
    public long Arguments;
    public long Outputs;
    public long Aliased;
    public long Temporaries;
    public long HostCode;
    public long HostArguments;
    public long HostOutputs;
    public long HostAliased;
    public long HostTemporaries;
}

[StructLayout(LayoutKind.Sequential)]
internal struct Optional
{
    public long Value;
    public byte IsSet;
}

[StructLayout(LayoutKind.Sequential)]
internal struct DeviceMemoryArguments
{
    public ArgumentHead Head;
    public nint Device;
    public long InUse;
    public Optional Peak;
    public Optional Allocations;
    public Optional Largest;
    public Optional Limit;
}

[StructLayout(LayoutKind.Sequential)]
internal struct TopologyCreateArguments
{
    public ArgumentHead Head;
    public nint Name;
    public nuint NameBytes;
    public nint Options;
    public nuint OptionCount;
    public nint Topology;
}

[StructLayout(LayoutKind.Sequential)]
internal struct TopologyDeserializeArguments
{
    public ArgumentHead Head;
    public nint Bytes;
    public nuint Count;
    public nint Topology;
}
#pragma warning restore CA1815, SA1649
