// SPDX-License-Identifier: LGPL-2.1-or-later
//
// One PCI host bridge, present when the control page's entry INDEX says so: a bus of the machine that the partition
// owns whole. Its segment is never 0, so that a kernel reaches it through ECAM only, never through ports 0xCF8/0xCFC.
Device (BRIDGE)
{
    Name (_HID, EisaId ("PNP0A08")) // PCI Express
    Name (_CID, EisaId ("PNP0A03"))
    Name (_UID, INDEX)

    OperationRegion (BUSR, SystemMemory, CTLA + PARKER_CTL_BUSES + INDEX * PARKER_CTL_BUS_BYTES, PARKER_CTL_BUS_BYTES)
    Field (BUSR, DWordAcc, NoLock, Preserve)
    {
        Offset (PARKER_BUS_PRESENT),
        PRES, 32,
        SEGM, 32,
        BUSN, 32,
    }
    Field (BUSR, QWordAcc, NoLock, Preserve)
    {
        Offset (PARKER_BUS_MEM_START),
        MEMS, 64,
        MEML, 64,
        PRFS, 64,
        PRFL, 64,
        ECAB, 64,
    }

    Method (_STA)
    {
        If (PRES == 1)
        {
            Return (0x0F)
        }
        Return (0)
    }

    Method (_SEG)
    {
        Return (SEGM)
    }

    Method (_BBN)
    {
        Return (BUSN)
    }

    Method (_CRS, 0, Serialized)
    {
        Name (RBUF, ResourceTemplate ()
        {
            WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0, 0, 1,,, BUS0)
            QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0, 0, 0, 0,,, MEM0)
            QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Prefetchable, ReadWrite, 0, 0, 0, 0, 0,,, MEM1)
        })
        CreateWordField (RBUF, BUS0._MIN, BMIN)
        CreateWordField (RBUF, BUS0._MAX, BMAX)
        BMIN = BUSN
        BMAX = BUSN

        // A window of length 0 is none.
        If (MEML != 0)
        {
            CreateQWordField (RBUF, MEM0._MIN, MMIN)
            CreateQWordField (RBUF, MEM0._MAX, MMAX)
            CreateQWordField (RBUF, MEM0._LEN, MLEN)
            MMIN = MEMS
            MMAX = MEMS + MEML - 1
            MLEN = MEML
        }
        If (PRFL != 0)
        {
            CreateQWordField (RBUF, MEM1._MIN, PMIN)
            CreateQWordField (RBUF, MEM1._MAX, PMAX)
            CreateQWordField (RBUF, MEM1._LEN, PLEN)
            PMIN = PRFS
            PMAX = PRFS + PRFL - 1
            PLEN = PRFL
        }
        Return (RBUF)
    }

    // Since 6.8, Linux believes an MCFG entry only if a motherboard resource claims its memory too (PCI Firmware
    // Specification 3.3, 4.1.2 asks for that).
    Device (ECAM)
    {
        Name (_HID, EisaId ("PNP0C02"))
        Name (_UID, INDEX)

        Method (_CRS, 0, Serialized)
        {
            Name (RBUF, ResourceTemplate ()
            {
                QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0, 0xFFFFF, 0, 0x100000,,, MEM0)
            })
            CreateQWordField (RBUF, MEM0._MIN, MMIN)
            CreateQWordField (RBUF, MEM0._MAX, MMAX)
            MMIN = ECAB
            MMAX = ECAB + 0xFFFFF
            Return (RBUF)
        }
    }
}
#undef BRIDGE
#undef INDEX
