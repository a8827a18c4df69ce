using System.Runtime.InteropServices;
using System.Text;

namespace Workflows.TestKit.Pjrt;

/// <summary>
/// A PJRT plugin in C#: a table of functions that a caller of the C API cannot tell from a shared library's. It checks
/// the sizes of argument structures as a plugin of its API version does, counts its objects, deletes donated buffers,
/// and fails where it is told to. A program is looked up by its text and run by a function of the test.
/// </summary>
/// <remarks>
/// The table and its functions stay in memory as long as the process lives: callers keep plugins for ever.
/// </remarks>
public sealed unsafe partial class FakePlugin
{
    /// <summary>
    /// The oldest and the newest API version that the binding was checked with, and one that is not yet there.
    /// </summary>
    public const int Oldest = 54, Newest = 116, Future = 200;

    private const int Unknown = 2, InvalidArgument = 3, NotFound = 5, Unimplemented = 12, Internal = 13;
    private const int FutureGrowth = 24;

    private static readonly List<FakePlugin> Kept = [];

    private static readonly Lock Keeping = new();
    private readonly object _gate = new();
    private readonly List<Delegate> _functions = [];
    private readonly Dictionary<string, nint> _texts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Queue<FakeErrorException>> _failures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);
    private readonly List<string> _violations = [];
    private readonly HashSet<string> _missing = new(StringComparer.Ordinal);
    private readonly FakeObjects _objects;
    private readonly int _minor;

    /// <summary>Builds the table.</summary>
    /// <param name="minor">
    /// Minor version: it decides which functions there are and how large structures must be.
    /// </param>
    /// <param name="major">Major version.</param>
    /// <param name="tableBytes">Bytes of the table that it declares; null is the version's own.</param>
    /// <param name="deviceCount">Number of devices.</param>
    public FakePlugin(int minor = Newest, int major = 0, int? tableBytes = null, int deviceCount = 4)
    {
        (_minor, DeviceCount) = (minor, deviceCount);
        _objects = new FakeObjects(_violations);
        var bytes = tableBytes ?? FakeHeader.TableBytes(minor) + (minor >= Future ? 512 : 0);
        var size = Math.Max(bytes, FakeHeader.Head) + sizeof(nint);
        var table = (byte*)NativeMemory.AllocZeroed((nuint)size);
        *(nuint*)table = (nuint)bytes;
        *(nuint*)(table + 16) = 24;
        *(int*)(table + 32) = major;
        *(int*)(table + 36) = minor;
        Table = (nint)table;
        DefineErrors();
        DefineClients();
        DefineTopologies();
        DefineBuffers();
        DefinePrograms();
        lock (Keeping)
        {
            Kept.Add(this);
        }
    }

    /// <summary>The body of one function.</summary>
    private delegate void Body<T>(ref T arguments)
        where T : unmanaged;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint Function(nint arguments);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Deleter(nint owner);

    /// <summary>Gets the address of the table.</summary>
    public nint Table { get; }

    /// <summary>Gets the number of devices.</summary>
    public int DeviceCount { get; }

    /// <summary>Gets each breach of the API's rules by the caller, in words.</summary>
    public IReadOnlyList<string> Violations => [.. _violations];

    /// <summary>Gets the kinds of the objects that are not destroyed yet.</summary>
    public IReadOnlyList<string> Leaks
    {
        get
        {
            lock (_gate)
            {
                return [.. _objects.Live.Select(thing => thing.GetType().Name).Order(StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Lets the next call of a function fail.</summary>
    /// <param name="function">Its name without the prefix, such as <c>Client_Create</c>.</param>
    /// <param name="code">A number of <c>PJRT_Error_Code</c>.</param>
    /// <param name="message">The error's words.</param>
    public void FailNext(string function, int code, string message)
    {
        lock (_gate)
        {
            (CollectionsMarshal.GetValueRefOrAddDefault(_failures, function, out _) ??= new())
                .Enqueue(new FakeErrorException(code, message));
        }
    }

    /// <summary>Lets a function answer "unimplemented" from now on.</summary>
    /// <param name="function">Its name without the prefix.</param>
    public void Remove(string function) => _missing.Add(function);

    /// <summary>Counts the calls of a function.</summary>
    /// <param name="function">Its name without the prefix.</param>
    /// <returns>How often it was called.</returns>
    public int CallsOf(string function)
    {
        lock (_gate)
        {
            return _calls.GetValueOrDefault(function);
        }
    }

    /// <summary>Counts the objects of a kind.</summary>
    /// <param name="kind">The name of their class.</param>
    /// <returns>How many were made, those that are destroyed too.</returns>
    public int Made(string kind)
    {
        lock (_gate)
        {
            return _objects.Made.GetValueOrDefault(kind);
        }
    }

    private static string Read(nint text, nuint bytes) =>
        Encoding.UTF8.GetString(new ReadOnlySpan<byte>((void*)text, (int)bytes));

    private void DefineErrors()
    {
        // These two return nothing, and may not fail.
        Define("Error_Destroy", (ref SubjectArguments arguments) => _objects.Remove<FakeError>(arguments.Subject));
        Define("Error_Message", (ref ArrayArguments arguments) =>
            (arguments.First, arguments.Count) = Text(_objects.Get<FakeError>(arguments.Subject).Text));
        Define("Error_GetCode", (ref IntArguments arguments) =>
            arguments.Value = _objects.Get<FakeError>(arguments.Subject).Code);
        Define("Plugin_Initialize", (ref ArgumentHead _) => { });
        Define("Plugin_Attributes", (ref PluginAttributesArguments arguments) =>
            (arguments.Attributes, arguments.Count) = Attributes(
                ("stablehlo_current_version", new long[] { 1, 23, 0 }),
                ("stablehlo_minimum_version", new long[] { 0, 9, 0 }),
                ("xla_version", 2L), ("is_fake", true), ("share", 0.5f), ("name", "fake")));
    }

    private void Define<T>(string name, Body<T> body, string? structure = null)
        where T : unmanaged
    {
        var offset = FakeHeader.Head + (Array.IndexOf(FakeHeader.Functions, name) * sizeof(nint));
        if (offset < FakeHeader.Head)
        {
            throw new ArgumentException($"The API has no function '{name}'.", nameof(name));
        }

        if (offset + sizeof(nint) > (int)*(nuint*)Table)
        {
            return;
        }

        Function function = arguments => Invoke(name, structure ?? name, (T*)arguments, body);
        _functions.Add(function);
        *(nint*)(Table + offset) = Marshal.GetFunctionPointerForDelegate(function);
    }

    private nint Invoke<T>(string name, string structure, T* arguments, Body<T> body)
        where T : unmanaged
    {
        lock (_gate)
        {
            _calls[name] = _calls.GetValueOrDefault(name) + 1;
            try
            {
                CheckSize($"PJRT_{structure}_Args", structure, (nint)arguments);
                if (_missing.Contains(name))
                {
                    throw new FakeErrorException(Unimplemented, $"{name} is not there.");
                }

                if (_failures.TryGetValue(name, out var queue) && queue.TryDequeue(out var failure))
                {
                    throw failure;
                }

                body(ref *arguments);
                return 0;
            }
            catch (FakeErrorException error)
            {
                return _objects.Add(new FakeError(error.Code, error.Message));
            }
            catch (Exception exception)
            {
                _violations.Add($"{name}: {exception}");
                return _objects.Add(new FakeError(Internal, exception.Message));
            }
        }
    }

    /// <summary>Refuses a structure that is smaller than this version's own, in the words of real plugins.</summary>
    private void CheckSize(string words, string structure, nint arguments)
    {
        var expected = FakeHeader.SizeOf(structure, _minor) + (_minor >= Future ? FutureGrowth : 0);
        var actual = (int)*(nuint*)arguments;
        if (actual < expected)
        {
            throw new FakeErrorException(
                InvalidArgument,
                $"Unexpected {words} size: expected {expected}, got {actual}. Check installed software versions.");
        }
    }

    /// <summary>Keeps a text for the plugin's life, as plugins do with names.</summary>
    private (nint Address, nuint Bytes) Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        if (!_texts.TryGetValue(text, out var address))
        {
            address = Copy(bytes);
            _texts.Add(text, address);
        }

        return (address, (nuint)bytes.Length);
    }

    private static nint Copy<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var address = (nint)NativeMemory.AllocZeroed((nuint)Math.Max(1, values.Length * sizeof(T)));
        values.CopyTo(new Span<T>((void*)address, values.Length));
        return address;
    }

    private static nint Copy<T>(T[] values)
        where T : unmanaged => Copy((ReadOnlySpan<T>)values);

    /// <summary>Writes attributes; a later version's elements are longer than those that the caller knows.</summary>
    private (nint First, nuint Count) Attributes(params (string Name, object Value)[] attributes)
    {
        var stride = sizeof(NamedValue) + (_minor >= Future ? 16 : 0);
        var first = (byte*)NativeMemory.AllocZeroed((nuint)(attributes.Length * stride));
        for (var index = 0; index < attributes.Length; index++)
        {
            ref var each = ref *(NamedValue*)(first + (index * stride));
            each.Head.StructSize = (nuint)(stride - (_minor >= Future ? 4 : 0));
            (each.Name, each.NameBytes) = Text(attributes[index].Name);
            each.ValueSize = 1;
            switch (attributes[index].Value)
            {
                case string text:
                    (each.Value, each.ValueSize) = Text(text);
                    break;
                case long number:
                    (each.Type, each.Value) = (1, (nint)number);
                    break;
                case long[] numbers:
                    (each.Type, each.Value, each.ValueSize) = (2, Copy(numbers), (nuint)numbers.Length);
                    break;
                case float number:
                    (each.Type, each.Value) = (3, BitConverter.SingleToInt32Bits(number));
                    break;
                case bool flag:
                    (each.Type, each.Value) = (4, flag ? 1 : 0);
                    break;
                default:
                    throw new ArgumentException($"'{attributes[index].Name}' has no type of the API.");
            }
        }

        return ((nint)first, (nuint)attributes.Length);
    }

    /// <summary>Reads options that the caller wrote, whose elements must be as long as the API says.</summary>
    private Dictionary<string, object> Options(nint first, nuint count)
    {
        var options = new Dictionary<string, object>(StringComparer.Ordinal);
        for (var index = 0; index < (int)count; index++)
        {
            ref var each = ref ((NamedValue*)first)[index];
            if ((int)each.Head.StructSize != sizeof(NamedValue))
            {
                _violations.Add($"Option {index} has {each.Head.StructSize} bytes, wanted {sizeof(NamedValue)}.");
            }

            options[Read(each.Name, each.NameBytes)] = each.Type switch
            {
                0 => Read(each.Value, each.ValueSize),
                1 => (long)each.Value,
                2 => new ReadOnlySpan<long>((void*)each.Value, (int)each.ValueSize).ToArray(),
                3 => BitConverter.Int32BitsToSingle((int)each.Value),
                _ => (byte)each.Value != 0,
            };
        }

        return options;
    }
}
