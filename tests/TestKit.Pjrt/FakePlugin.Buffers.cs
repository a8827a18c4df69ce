namespace Workflows.TestKit.Pjrt;

/// <content>Buffers and events.</content>
public sealed unsafe partial class FakePlugin
{
    private const int CopiedDuringCall = 0;

    private readonly List<FakeEvent> _held = [];

    /// <summary>Gets or sets whether transfers and executions stay unfinished until they are let go.</summary>
    public bool HoldsWork { get; set; }

    /// <summary>Finishes all work that is held; callbacks run on another thread, as those of plugins.</summary>
    public void LetGo()
    {
        FakeEvent[] events;
        lock (_gate)
        {
            events = [.. _held];
            _held.Clear();
        }

        foreach (var each in events)
        {
            Finish(each);
        }
    }

    private static int ElementBytes(int type) => type switch
    {
        1 or 2 or 6 => 1,
        3 or 7 or 10 or 13 => 2,
        4 or 8 or 11 => 4,
        5 or 9 or 12 => 8,
        _ => throw new FakeErrorException(InvalidArgument, $"{type} is no element type."),
    };

    private void DefineBuffers()
    {
        DefineEvents();
        Define("Client_BufferFromHostBuffer", (ref BufferFromHostArguments arguments) => Upload(ref arguments));
        Define("Buffer_ToHostBuffer", (ref ToHostArguments arguments) => Download(ref arguments));
        Define("Buffer_Destroy", (ref SubjectArguments arguments) => _objects.Remove<FakeBuffer>(arguments.Subject));
        Define("Buffer_Delete", (ref SubjectArguments arguments) =>
            _objects.Get<FakeBuffer>(arguments.Subject).IsDeleted = true);
        Define("Buffer_IsDeleted", (ref FlagArguments arguments) =>
            arguments.Value = (byte)(_objects.Get<FakeBuffer>(arguments.Subject).IsDeleted ? 1 : 0));
        Define("Buffer_ElementType", (ref IntArguments arguments) =>
            arguments.Value = _objects.Get<FakeBuffer>(arguments.Subject).Data.Type);
        Define("Buffer_Dimensions", (ref ArrayArguments arguments) =>
        {
            long[] sizes = [.. _objects.Get<FakeBuffer>(arguments.Subject).Data.Sizes];
            (arguments.First, arguments.Count) = (Copy(sizes), (nuint)sizes.Length);
        });
        Define("Buffer_OnDeviceSizeInBytes", (ref WordArguments arguments) =>
            arguments.Value = Alive(arguments.Subject).Data.Bytes.Length);
        Define("Buffer_Device", (ref WordArguments arguments) =>
            arguments.Value = _objects.Get<FakeBuffer>(arguments.Subject).Device);
        Define("Buffer_ReadyEvent", (ref WordArguments arguments) =>
            arguments.Value = AddEvent(Alive(arguments.Subject).Error));
        Define("Buffer_CopyToDevice", (ref CopyToDeviceArguments arguments) =>
        {
            _objects.Get<Device>(arguments.Device);
            var source = Alive(arguments.Buffer);
            arguments.Copy = _objects.Add(
                new FakeBuffer(source.Client, arguments.Device) { Data = source.Data, Error = source.Error });
        });
    }

    private void DefineEvents()
    {
        Define("Event_Destroy", (ref SubjectArguments arguments) => _objects.Remove<FakeEvent>(arguments.Subject));
        Define("Event_IsReady", (ref FlagArguments arguments) =>
            arguments.Value = (byte)(_objects.Get<FakeEvent>(arguments.Subject).IsReady ? 1 : 0));
        Define("Event_Error", (ref SubjectArguments arguments) =>
            Throw(_objects.Get<FakeEvent>(arguments.Subject).Error));
        Define("Event_Await", (ref SubjectArguments arguments) =>
        {
            var waited = _objects.Get<FakeEvent>(arguments.Subject);
            while (!waited.IsReady)
            {
                Monitor.Wait(_gate);
            }

            Throw(waited.Error);
        });
        Define("Event_OnReady", (ref OnReadyArguments arguments) =>
        {
            var waited = _objects.Get<FakeEvent>(arguments.Event);
            var callback = (arguments.Callback, arguments.UserArgument);
            if (waited.IsReady)
            {
                Call(waited, callback);
            }
            else
            {
                waited.Callbacks.Add(callback);
            }
        });
    }

    private static void Throw(FakeError? error)
    {
        if (error is not null)
        {
            throw new FakeErrorException(error.Code, error.Text);
        }
    }

    private nint AddEvent(FakeError? error, Action? work = null)
    {
        var added = new FakeEvent(error, work);
        if (HoldsWork)
        {
            _held.Add(added);
        }
        else
        {
            added.Work?.Invoke();
            added.IsReady = true;
        }

        return _objects.Add(added);
    }

    private void Finish(FakeEvent finished)
    {
        lock (_gate)
        {
            finished.Work?.Invoke();
            finished.IsReady = true;
            Monitor.PulseAll(_gate);
        }

        var thread = new Thread(() => finished.Callbacks.ForEach(callback => Call(finished, callback)));
        thread.Start();
        thread.Join();
    }

    private void Call(FakeEvent finished, (nint Function, nint Argument) callback)
    {
        nint error = 0;
        if (finished.Error is { } failed)
        {
            lock (_gate)
            {
                error = _objects.Add(failed with { });
            }
        }

        ((delegate* unmanaged[Cdecl]<nint, nint, void>)callback.Function)(error, callback.Argument);
    }

    private FakeBuffer Alive(nint address)
    {
        var buffer = _objects.Get<FakeBuffer>(address);
        return buffer.IsDeleted
            ? throw new FakeErrorException(InvalidArgument, "Buffer has been deleted or donated.")
            : buffer;
    }

    private void Upload(ref BufferFromHostArguments arguments)
    {
        _objects.Get<Client>(arguments.Client);
        _objects.Get<Device>(arguments.Device);
        long[] sizes = [.. new ReadOnlySpan<long>((void*)arguments.Sizes, (int)arguments.Rank)];
        var bytes = new byte[sizes.Aggregate((long)ElementBytes(arguments.Type), (product, size) => product * size)];
        var buffer = new FakeBuffer(arguments.Client, arguments.Device)
        {
            Data = new FakeTensor(arguments.Type, sizes, bytes),
        };
        var data = arguments.Data;
        void Take() => new ReadOnlySpan<byte>((void*)data, bytes.Length).CopyTo(bytes);
        if (arguments.Semantics == CopiedDuringCall)
        {
            Take();
            var holds = HoldsWork;
            HoldsWork = false;
            arguments.Done = AddEvent(null);
            HoldsWork = holds;
        }
        else
        {
            // The caller's memory is read when the transfer ends: it must still be there.
            arguments.Done = AddEvent(null, Take);
        }

        arguments.Buffer = _objects.Add(buffer);
    }

    private void Download(ref ToHostArguments arguments)
    {
        var buffer = Alive(arguments.Buffer);
        var data = buffer.Data;
        if (arguments.Target == 0)
        {
            arguments.TargetBytes = (nuint)data.Bytes.Length;
            return;
        }

        // As on a TPU, the device's own layout is not that of the host: here the first dimension is fastest.
        long[] minorToMajor = [.. Enumerable.Range(0, data.Sizes.Count).Select(axis => (long)axis)];
        if (arguments.Layout != 0)
        {
            CheckSize("PJRT_Buffer_MemoryLayout", "Buffer_MemoryLayout", arguments.Layout);
            ref var layout = ref *(MemoryLayout*)arguments.Layout;
            minorToMajor = [.. new ReadOnlySpan<long>((void*)layout.MinorToMajor, (int)layout.MinorToMajorCount)];
            if (layout.Type != 0 || layout.TileCount != 0 || minorToMajor.Length != data.Sizes.Count)
            {
                throw new FakeErrorException(InvalidArgument, "The layout does not fit the array.");
            }
        }

        if (arguments.TargetBytes < (nuint)data.Bytes.Length)
        {
            throw new FakeErrorException(InvalidArgument, $"The target has {arguments.TargetBytes} bytes only.");
        }

        var target = arguments.Target;
        arguments.Event = AddEvent(buffer.Error, () =>
        {
            var bytes = Arrange(data, minorToMajor);
            bytes.CopyTo(new Span<byte>((void*)target, bytes.Length));
        });
    }

    /// <summary>Puts elements into the order of a layout.</summary>
    private static byte[] Arrange(FakeTensor tensor, long[] minorToMajor)
    {
        var width = ElementBytes(tensor.Type);
        var strides = new long[tensor.Sizes.Count];
        long stride = width;
        foreach (var axis in minorToMajor)
        {
            strides[axis] = stride;
            stride *= tensor.Sizes[(int)axis];
        }

        var arranged = new byte[tensor.Bytes.Length];
        for (var element = 0; element < tensor.Bytes.Length / width; element++)
        {
            long rest = element, place = 0;
            for (var axis = tensor.Sizes.Count - 1; axis >= 0; axis--)
            {
                place += rest % tensor.Sizes[axis] * strides[axis];
                rest /= tensor.Sizes[axis];
            }

            tensor.Bytes.AsSpan(element * width, width).CopyTo(arranged.AsSpan((int)place));
        }

        return arranged;
    }

    private sealed class FakeBuffer(nint client, nint device)
    {
        public nint Client { get; } = client;

        public nint Device { get; } = device;

        public required FakeTensor Data { get; init; }

        public FakeError? Error { get; init; }

        public bool IsDeleted { get; set; }
    }

    private sealed class FakeEvent(FakeError? error, Action? work)
    {
        public FakeError? Error { get; } = error;

        public Action? Work { get; } = work;

        public bool IsReady { get; set; }

        public List<(nint Function, nint Argument)> Callbacks { get; } = [];
    }
}
